-- schema: shop

-- case: casts
/* @name Casts */
SELECT :a::INT4 + 1 AS a, (ARRAY[1, 2, 3])[1:2] AS slice, ':no' AS text;

-- case: list
/*
  @name Titles
  @param ids -> (...)
*/
SELECT title FROM product WHERE product_id IN :ids ORDER BY product_id;

-- case: row
/*
  @name AddCustomer
  @param customer -> (id!, name, email)
*/
INSERT INTO customer (customer_id, name, email) VALUES :customer RETURNING customer_id;

-- case: row-twice
/*
  @name AddTwo
  @param src -> (id!, name!)
  @param dst -> (id!, name!, email)
*/
INSERT INTO customer (customer_id, name, email) SELECT v.id::UUID, v.name, NULL FROM (VALUES :src) AS v (id, name) UNION ALL SELECT w.id::UUID, w.name, w.email FROM (VALUES :dst) AS w (id, name, email);

-- case: rows
/*
  @name AddCustomers
  @param customers -> ((id!, name!, email)...)
*/
INSERT INTO customer (customer_id, name, email) VALUES :customers;

-- case: simple
/* @name FindCustomer */
SELECT name, email FROM customer WHERE customer_id = :customerId;

/*
  @name SetNote
  Changes the note.
*/
UPDATE orders SET note = :note WHERE order_id = :orderId!;
