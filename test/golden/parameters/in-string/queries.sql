-- name: Query :many
SELECT '@not a $1 param' AS text, E'it\'s @no' AS escaped, $$ @nor this $$ AS dollars FROM customer WHERE name = @name;
