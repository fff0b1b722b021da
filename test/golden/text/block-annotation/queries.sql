/* name: A :many */
/* Everybody. */
SELECT name FROM customer;
