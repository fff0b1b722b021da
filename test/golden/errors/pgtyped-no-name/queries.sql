/* @name A */
SELECT name FROM customer;
SELECT email FROM customer;
