CREATE TYPE order_status AS ENUM ('open', 'paid', 'sent');
CREATE TABLE customer (
  customer_id UUID NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE product (
  product_id INT8 NOT NULL PRIMARY KEY,
  title VARCHAR(80) NOT NULL,
  price NUMERIC NOT NULL,
  weight FLOAT8,
  tags TEXT[] NOT NULL,
  attributes JSONB
);
CREATE TABLE orders (
  order_id UUID NOT NULL PRIMARY KEY,
  customer_id UUID NOT NULL REFERENCES customer (customer_id),
  status order_status NOT NULL,
  note TEXT,
  placed_at TIMESTAMPTZ
);
CREATE TABLE order_line (
  order_id UUID NOT NULL REFERENCES orders (order_id),
  product_id INT8 NOT NULL REFERENCES product (product_id),
  quantity INT4 NOT NULL,
  discount NUMERIC,
  PRIMARY KEY (order_id, product_id)
);
CREATE VIEW customer_order AS
  SELECT c.customer_id, c.name, o.order_id, o.status
  FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.customer_id;
CREATE VIEW placed_order AS
  SELECT order_id, customer_id, placed_at FROM orders WHERE placed_at IS NOT NULL;
