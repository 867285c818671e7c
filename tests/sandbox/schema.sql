-- The sample marketplace: tables without their secondary indexes, which indexes.sql adds once the rows are in (building
-- an index over sorted rows is several times faster than inserting into it). Valid on MariaDB 10.11, MySQL 5.6 and 9.7.
--
-- CakePHP conventions: auto-increment id, created and modified, a soft-delete flag `deleted`. The collation is spelled
-- out because each server has another default.

CREATE TABLE categories (
    id INT NOT NULL AUTO_INCREMENT,
    parent_id INT NULL,
    name VARCHAR(100) NOT NULL,
    slug VARCHAR(100) NOT NULL,
    sort_order INT NOT NULL DEFAULT 0,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE works (
    id INT NOT NULL AUTO_INCREMENT,
    client_id INT NOT NULL,
    category_id INT NOT NULL,
    title VARCHAR(255) NOT NULL,
    description TEXT NOT NULL,
    work_type VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    budget_min INT NULL,
    budget_max INT NULL,
    proposals_count INT NOT NULL DEFAULT 0,
    deadline DATETIME NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE lancers (
    id INT NOT NULL AUTO_INCREMENT,
    nickname VARCHAR(60) NOT NULL,
    headline VARCHAR(255) NOT NULL,
    profile TEXT NULL,
    prefecture VARCHAR(20) NULL,
    user_type VARCHAR(20) NOT NULL,
    grade VARCHAR(20) NOT NULL,
    hourly_wage INT NULL,
    evaluation DECIMAL(3, 2) NULL,
    completed_works INT NOT NULL DEFAULT 0,
    identified TINYINT NOT NULL DEFAULT 0,
    status VARCHAR(20) NOT NULL,
    last_login DATETIME NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Links of anything to a category: the table of the talk's bad example. A link that ends is deleted for real, so
-- `deleted` is the convention's column and nothing more.
CREATE TABLE categorizations (
    id INT NOT NULL AUTO_INCREMENT,
    category_id INT NOT NULL,
    categorization_type VARCHAR(20) NOT NULL,
    categorization_id INT NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE proposals (
    id INT NOT NULL AUTO_INCREMENT,
    work_id INT NOT NULL,
    lancer_id INT NOT NULL,
    price INT NOT NULL,
    message TEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE portfolios (
    id INT NOT NULL AUTO_INCREMENT,
    lancer_id INT NOT NULL,
    title VARCHAR(255) NOT NULL,
    description TEXT NULL,
    favorites_count INT NOT NULL DEFAULT 0,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE skills (
    id INT NOT NULL AUTO_INCREMENT,
    name VARCHAR(100) NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE lancer_skills (
    id INT NOT NULL AUTO_INCREMENT,
    lancer_id INT NOT NULL,
    skill_id INT NOT NULL,
    level TINYINT NOT NULL,
    years TINYINT NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE messages (
    id INT NOT NULL AUTO_INCREMENT,
    work_id INT NOT NULL,
    sender_id INT NOT NULL,
    receiver_id INT NOT NULL,
    body TEXT NOT NULL,
    opened TINYINT NOT NULL DEFAULT 0,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE time_cards (
    id INT NOT NULL AUTO_INCREMENT,
    work_id INT NOT NULL,
    lancer_id INT NOT NULL,
    started DATETIME NOT NULL,
    finished DATETIME NULL,
    memo VARCHAR(255) NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- The help pages were left on MyISAM for its FULLTEXT index when everything else moved.
CREATE TABLE helps (
    id INT NOT NULL AUTO_INCREMENT,
    title VARCHAR(255) NOT NULL,
    body TEXT NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Features nobody has used for years: no row is younger than 2014.

CREATE TABLE barters (
    id INT NOT NULL AUTO_INCREMENT,
    lancer_id INT NOT NULL,
    offer VARCHAR(255) NOT NULL,
    status VARCHAR(20) NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE campaign_entries (
    id INT NOT NULL AUTO_INCREMENT,
    lancer_id INT NOT NULL,
    campaign VARCHAR(60) NOT NULL,
    answer VARCHAR(255) NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE mobile_addresses (
    id INT NOT NULL AUTO_INCREMENT,
    lancer_id INT NOT NULL,
    carrier VARCHAR(20) NOT NULL,
    address VARCHAR(120) NOT NULL,
    created DATETIME NOT NULL,
    modified DATETIME NOT NULL,
    deleted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
