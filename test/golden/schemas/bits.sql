CREATE TABLE mask (id INT4 NOT NULL PRIMARY KEY, bits BIT(3) NOT NULL, letter "char" NOT NULL, several BIT(3)[] NOT NULL);
