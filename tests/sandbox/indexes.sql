-- The secondary indexes of the sample marketplace, added after the rows. They are as unplanned as the site's were:
-- flags of their own, `created` for sorting, left prefixes of longer indexes, low-cardinality columns first. What is
-- bad here is material for report-indexes; do not tidy up. The statements run two at a time: the longest comes first.

-- The list shown in the talk, names and column order as they stood: the composite one does not begin with the column
-- its name begins with.
ALTER TABLE categorizations
    ADD KEY category_id (category_id),
    ADD KEY categorization_type (categorization_type),
    ADD KEY categorization_type_categorization_id (category_id, categorization_type, categorization_id);

ALTER TABLE categories ADD KEY parent_id (parent_id), ADD UNIQUE KEY slug (slug), ADD KEY deleted (deleted);

ALTER TABLE works
    ADD KEY client_id (client_id),
    ADD KEY category_id (category_id),
    ADD KEY status (status),
    ADD KEY work_type (work_type),
    ADD KEY status_category_id_created (status, category_id, created),
    ADD KEY deadline (deadline),
    ADD KEY created (created),
    ADD KEY modified (modified),
    ADD KEY deleted (deleted);

ALTER TABLE lancers
    ADD KEY nickname (nickname),
    ADD KEY prefecture (prefecture),
    ADD KEY user_type (user_type),
    ADD KEY grade_evaluation (grade, evaluation),
    ADD KEY deleted_status_last_login (deleted, status, last_login),
    ADD KEY last_login (last_login),
    ADD KEY created (created),
    ADD KEY modified (modified),
    ADD KEY deleted (deleted);

ALTER TABLE proposals
    ADD KEY work_id (work_id),
    ADD KEY work_id_status (work_id, status),
    ADD KEY lancer_id (lancer_id),
    ADD KEY status (status),
    ADD KEY created (created),
    ADD KEY deleted (deleted);

ALTER TABLE portfolios
    ADD KEY lancer_id (lancer_id),
    ADD KEY lancer_id_created (lancer_id, created),
    ADD KEY created (created),
    ADD KEY deleted (deleted);

ALTER TABLE skills ADD UNIQUE KEY name (name), ADD KEY deleted (deleted);

ALTER TABLE lancer_skills
    ADD UNIQUE KEY lancer_id_skill_id (lancer_id, skill_id),
    ADD KEY lancer_id (lancer_id),
    ADD KEY skill_id (skill_id),
    ADD KEY deleted (deleted),
    ADD CONSTRAINT lancer_skills_skill FOREIGN KEY (skill_id) REFERENCES skills (id);

ALTER TABLE messages
    ADD KEY work_id (work_id),
    ADD KEY sender_id (sender_id),
    ADD KEY receiver_id_opened (receiver_id, opened),
    ADD KEY opened (opened),
    ADD KEY created (created),
    ADD KEY deleted (deleted);

ALTER TABLE time_cards
    ADD KEY work_id (work_id),
    ADD KEY lancer_id_started (lancer_id, started),
    ADD KEY created (created),
    ADD KEY deleted (deleted);

ALTER TABLE helps ADD FULLTEXT KEY title_body (title, body), ADD KEY deleted (deleted);

ALTER TABLE barters ADD KEY lancer_id (lancer_id), ADD KEY status (status), ADD KEY deleted (deleted);

ALTER TABLE campaign_entries ADD KEY lancer_id (lancer_id), ADD KEY campaign (campaign), ADD KEY deleted (deleted);

ALTER TABLE mobile_addresses ADD KEY lancer_id (lancer_id), ADD KEY address (address), ADD KEY deleted (deleted);
