CREATE TABLE employee (
  employee_id INT4 NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  manager_id INT4 REFERENCES employee (employee_id),
  salary NUMERIC,
  team TEXT
);
