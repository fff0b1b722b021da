-- name: A :many
SELECT c.name
FROM customer AS c
  JOIN orders AS o ON o.customer_id = c.customer_id AND o.status = @status -- optional
WHERE true
  AND o.note = @note -- optional
ORDER BY c.name;
