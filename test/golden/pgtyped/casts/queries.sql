/* @name Casts */
SELECT :a::INT4 + 1 AS a, (ARRAY[1, 2, 3])[1:2] AS slice, ':no' AS text;
