/*
  @name AddCustomers
  @param customers -> ((id!, name!, email)...)
*/
INSERT INTO customer (customer_id, name, email) VALUES :customers;
