CREATE TABLE item (item_id INT8 NOT NULL PRIMARY KEY, small INT4 NOT NULL, name VARCHAR(20) NOT NULL, size INT4, day DATE);
CREATE INDEX ON item (day);
CREATE INDEX ON item (small);
CREATE INDEX ON item (name);
CREATE INDEX ON item ((small::numeric));
CREATE TABLE price (cents NUMERIC NOT NULL PRIMARY KEY, note TEXT);
