CREATE TABLE "Odd Table" ("User" TEXT NOT NULL, "order" INT4, "with space" TEXT);
