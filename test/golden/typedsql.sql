-- schema: shop

-- case: no-params
-- config: { "dialect": "typedsql" }
SELECT name FROM customer ORDER BY name;

-- case: params
-- @description Orders of one customer.
-- @param {String} $1:customerId The customer
-- @param {String} $2:note? A note, perhaps
SELECT order_id, note FROM orders WHERE customer_id = $1::UUID AND note IS NOT DISTINCT FROM $2;
