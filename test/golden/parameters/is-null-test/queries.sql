-- name: Query :many
SELECT name FROM customer WHERE @name::TEXT IS NULL OR name = @name ORDER BY name;
