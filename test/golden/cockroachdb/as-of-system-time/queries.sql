-- name: Old :many
SELECT name FROM machine AS OF SYSTEM TIME '-1us' ORDER BY machine_id;
