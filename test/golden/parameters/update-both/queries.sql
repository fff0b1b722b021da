-- name: Query :execrows
UPDATE orders SET note = @note WHERE note <> @note;
