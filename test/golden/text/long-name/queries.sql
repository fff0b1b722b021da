-- name: ListEveryCustomerThatHasNotYetOrderedAnything :many
SELECT c.name FROM customer c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id) AND c.name <> @name;
