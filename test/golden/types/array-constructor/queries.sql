-- name: Query :many
SELECT ARRAY[a_text, a_varchar] AS both, ARRAY[a_text, NULL] AS holes FROM everything;
