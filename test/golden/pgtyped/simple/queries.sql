/* @name FindCustomer */
SELECT name, email FROM customer WHERE customer_id = :customerId;

/*
  @name SetNote
  Changes the note.
*/
UPDATE orders SET note = :note WHERE order_id = :orderId!;
