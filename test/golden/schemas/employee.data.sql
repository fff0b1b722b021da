INSERT INTO employee VALUES (1, 'Root', NULL, 10, NULL), (2, 'Left', 1, NULL, 'a'), (3, 'Right', 1, 5, 'a'), (4, 'Leaf', 2, 7, 'b');
