-- name: Page :many
SELECT c.customer_id, c.name, c.created_at
FROM customer AS c
WHERE c.name <> @not_name
  AND (c.created_at, c.customer_id) > (@after_created_at, @after_id) -- optional
ORDER BY c.created_at, c.customer_id
LIMIT @limit;
