-- name: Docs :many
SELECT jsonb_build_object('id', order_id, 'note', note) AS doc FROM orders;
