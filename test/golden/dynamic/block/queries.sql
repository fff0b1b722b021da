-- name: Buyers :many
SELECT c.name
FROM customer AS c
WHERE true
  /* optional */
  AND EXISTS (
    SELECT 1 FROM orders AS o
    WHERE o.customer_id = c.customer_id AND o.status = @status
  )
  /* end */
ORDER BY c.name;
