-- name: Query :many
SELECT c.name, o.status, l.quantity, p.title FROM customer c LEFT JOIN (orders o JOIN order_line l ON l.order_id = o.order_id JOIN product p ON p.product_id = l.product_id) ON o.customer_id = c.customer_id ORDER BY c.name;
