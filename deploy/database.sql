-- Run once, as PostgreSQL's superuser: psql -f deploy/database.sql
-- The archive owns its database and nothing else. Queries from outside run under archipelago_tap, which may read the
-- published schemas only; the archive grants and renews these rights itself when it migrates.
CREATE ROLE archipelago LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE archipelago_tap NOLOGIN;
GRANT archipelago_tap TO archipelago WITH ADMIN OPTION;
CREATE DATABASE archipelago OWNER archipelago TEMPLATE template0 ENCODING 'UTF8';
