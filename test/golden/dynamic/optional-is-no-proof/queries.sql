-- name: Emails :many
SELECT email
FROM customer
WHERE true
  AND email = @email -- optional
ORDER BY email;
