/*
  @name AddCustomer
  @param customer -> (id!, name, email)
*/
INSERT INTO customer (customer_id, name, email) VALUES :customer RETURNING customer_id;
