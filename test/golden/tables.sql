-- schema: tables

-- case: rows-of-tables
-- config: { "tableTypes": true }
-- name: GetBook :one
SELECT * FROM book WHERE book_id = @book_id;
-- name: AddBook :one
INSERT INTO book VALUES (@book_id, @title, @author_id, @genre) RETURNING *;
-- name: TheSame :many
SELECT book_id, title, author_id, genre FROM book;
-- name: Titles :many
SELECT title FROM book;
-- name: OtherOrder :many
SELECT title, book_id, author_id, genre FROM book;
-- name: Renamed :many
SELECT book_id AS id, title, author_id, genre FROM book;
-- name: MayBeMissing :many
SELECT b.* FROM author AS a LEFT JOIN book AS b ON b.author_id = a.author_id;
-- name: Marked :many
SELECT book_id, title, author_id AS "author_id!", genre FROM book;
-- name: Written :many
SELECT sqlc.embed(author), sqlc.embed(book) FROM author LEFT JOIN book ON book.author_id = author.author_id;

-- case: rows-with-an-override
-- config: { "tableTypes": true, "rename": { "title": "name" }, "overrides": { "columns": { "author.author_id": { "as": "string" } } } }
-- name: GetBook :one
SELECT * FROM book WHERE book_id = @book_id;
-- name: GetAuthor :one
SELECT * FROM author WHERE author_id = @author_id;
