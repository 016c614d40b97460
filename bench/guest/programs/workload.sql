-- Orders of a shop: bulk insert, indexes, joins, aggregates, updates, deletes. The number of orders is the parameter :orders.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city INTEGER NOT NULL);
CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, item INTEGER NOT NULL, cents INTEGER NOT NULL, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO customer SELECT i, printf('customer %05d', i * 7919 % 10007), i * 31 % 97 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders)
INSERT INTO purchase
SELECT i, 1 + i * 2654435761 % 1000, i * 40503 % 509, 100 + i * 69069 % 9973, 'note ' || hex(i * 7919) FROM n;
CREATE INDEX purchase_customer ON purchase(customer);
CREATE INDEX purchase_item ON purchase(item, cents);
SELECT city, count(*), sum(cents), max(note) FROM customer JOIN purchase ON purchase.customer = customer.id
GROUP BY city ORDER BY sum(cents) DESC, city LIMIT 5;
SELECT item, count(*), avg(cents) FROM purchase WHERE cents BETWEEN 2000 AND 6000 GROUP BY item ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM purchase WHERE note LIKE '%7A%';
SELECT c.name, (SELECT max(cents) FROM purchase WHERE customer = c.id) AS best FROM customer AS c ORDER BY best DESC, c.name LIMIT 5;
UPDATE purchase SET cents = cents + 1 WHERE item % 7 = 3;
DELETE FROM purchase WHERE id % 11 = 0;
SELECT count(*), sum(cents), sum(length(note)) FROM purchase;
SELECT name, row_number() OVER (PARTITION BY city ORDER BY name) AS place FROM customer ORDER BY place DESC, name LIMIT 5;
PRAGMA integrity_check;
