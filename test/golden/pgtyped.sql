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

-- case: list-in-parentheses
/*
  @name TitlesOf
  @param ids -> (...)
*/
SELECT title FROM product WHERE product_id IN (:ids!) AND product_id NOT IN :ids ORDER BY product_id;

-- case: rows-elsewhere
/*
  @name A
  @param rows -> ((id, title)...)
*/
SELECT 1 AS x FROM product WHERE title = :rows;
/*
  @name B
  @param rows -> ((id, title)...)
*/
INSERT INTO product (product_id, title) VALUES (1, 'a'), :rows;

-- case: rows-from
/*
  @name Reprice
  @param prices -> ((id!, price!)...)
*/
UPDATE product AS p SET price = v.price::NUMERIC * :factor!
FROM (VALUES :prices) AS v (id, price)
WHERE p.product_id = v.id::INT8 RETURNING p.product_id, v.price;

-- case: rows-in
/*
  @name LinesOf
  @param pairs -> ((order_id!, product_id!)...)
*/
SELECT quantity FROM order_line WHERE (order_id, product_id) IN :pairs AND quantity > :least
ORDER BY order_id, product_id;
/*
  @name LinesWithout
  @param pairs -> ((order_id!, product_id!)...)
*/
SELECT * FROM order_line WHERE (order_id, product_id) NOT IN (:pairs) AND (order_id, product_id) NOT IN (:pairs)
ORDER BY order_id, product_id;

-- case: rows-of-arrays
/*
  @name AddProducts
  @param products -> ((product_id!, title!, price!, tags!)...)
*/
INSERT INTO product (product_id, title, price, tags) VALUES :products RETURNING *;

-- case: two-rows-of-the-same-fields
/*
  @name AddTwo
  @param src -> (product_id!, title!)
  @param dst -> (product_id!, title!)
*/
INSERT INTO product (product_id, title, price, tags)
SELECT a.id::INT8, a.title, 1, '{}' FROM (VALUES :src, :dst) AS a (id, title) WHERE (a.id, a.title) <> :dst;

-- case: zod
-- config: { "zod": true }
/*
  @name AddThem
  @param customers -> ((id!, name!, email)...)
  @param first -> (id!, name)
*/
INSERT INTO customer (customer_id, name, email)
SELECT v.id::UUID, v.name, v.email FROM (VALUES :customers) AS v (id, name, email) WHERE (v.id, v.name) <> :first;
