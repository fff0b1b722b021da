/*
  @name Titles
  @param ids -> (...)
*/
SELECT title FROM product WHERE product_id IN :ids ORDER BY product_id;
