-- name: Joined :many
SELECT c.name
FROM customer AS c
  JOIN orders AS o ON o.customer_id = c.customer_id AND o.status = @status -- optional
ORDER BY c.name;
