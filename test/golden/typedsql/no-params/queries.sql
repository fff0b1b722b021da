SELECT name FROM customer ORDER BY name;
