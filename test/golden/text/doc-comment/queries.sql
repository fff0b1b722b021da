-- Says who somebody is.
-- name: WhoIs :one
-- By primary key; one round trip.
--
-- A second paragraph with */ and @tag.
SELECT name -- the name
FROM customer /* all of them */ WHERE customer_id = @customer_id;
