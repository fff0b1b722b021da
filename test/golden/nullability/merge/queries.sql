-- name: Query :many
MERGE INTO product AS p USING (SELECT 1::INT8 AS id) AS s ON s.id = p.product_id WHEN MATCHED THEN UPDATE SET price = p.price + 1 WHEN NOT MATCHED THEN INSERT (product_id, title, price, tags) VALUES (s.id, 'x', 1, '{}') RETURNING merge_action() AS action, p.title, s.id;
