CREATE TYPE genre AS ENUM ('novel', 'essay');
CREATE TABLE author (author_id INT8 NOT NULL PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE book (
  book_id INT8 NOT NULL PRIMARY KEY,
  title TEXT NOT NULL,
  author_id INT8 REFERENCES author (author_id),
  genre genre NOT NULL
);
