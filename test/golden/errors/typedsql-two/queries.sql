-- @param {Int} $1:id
SELECT title FROM product WHERE product_id = $1;
SELECT 1 AS x;
