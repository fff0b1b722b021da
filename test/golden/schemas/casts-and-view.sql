CREATE TABLE item (item_id INT8 NOT NULL PRIMARY KEY, at DATE NOT NULL, "Code" INT4 NOT NULL, price NUMERIC);
CREATE INDEX ON item (at);
CREATE INDEX ON item ("Code");
CREATE TABLE price (cents NUMERIC NOT NULL, note TEXT);
CREATE VIEW cheap AS SELECT item_id AS id, at FROM item WHERE price < 5;
