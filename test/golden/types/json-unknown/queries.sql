-- name: Query :many
SELECT jsonb_object_agg(name, email) AS emails, to_jsonb(c) AS doc FROM customer c GROUP BY c.customer_id ORDER BY c.customer_id;
