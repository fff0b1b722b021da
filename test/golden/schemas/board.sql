CREATE TABLE board (
  board_id INT8 NOT NULL PRIMARY KEY,
  cells INT4[][] NOT NULL,
  cube TEXT[][][],
  labels TEXT[] NOT NULL,
  loose INT4[] NOT NULL
);
CREATE VIEW shown AS SELECT board_id, cells FROM board;
