-- What the top page sent to MySQL on every view before count-categories: one COUNT per category of its list, here the ten groups and
-- the first five categories of each, with everything below them. This prints those statements; they are for demo and bench.
SELECT CONCAT('SELECT COUNT(*) FROM works WHERE deleted = 0 AND status = ''open'' AND category_id IN (',
              GROUP_CONCAT(below.id ORDER BY below.id), ');')
FROM (SELECT id FROM categories WHERE parent_id IS NULL
      UNION ALL
      SELECT c.id FROM categories c JOIN categories top ON top.id = c.parent_id AND top.parent_id IS NULL
      WHERE (SELECT COUNT(*) FROM categories before_it WHERE before_it.parent_id = c.parent_id AND before_it.sort_order < c.sort_order) < 5
     ) listed
JOIN (SELECT id, id AS ancestor FROM categories
      UNION ALL SELECT id, parent_id FROM categories WHERE parent_id IS NOT NULL
      UNION ALL SELECT c.id, p.parent_id FROM categories c JOIN categories p ON p.id = c.parent_id WHERE p.parent_id IS NOT NULL
     ) below ON below.ancestor = listed.id
GROUP BY listed.id ORDER BY listed.id;
