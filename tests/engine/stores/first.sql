-- A store as the first release left it: tables and views of schema activation, and the audience they speak of.
-- Two days of one audience: members, messages, a change, a suppression, an unusable address, a refusal.
create schema activation;
CREATE TABLE activation.desired(sync_id VARCHAR, person_key VARCHAR, fingerprint BIGINT, dest_key VARCHAR, payload_hash VARCHAR, identifiers VARCHAR, attributes VARCHAR, reason VARCHAR);
insert into activation.desired values
    ('cart__mail', 'ben', 4304589779516181565, 'email:ben@x.io', '366d5d27b858e4c93e1b1cc7037cf9ef4fce579e6b6d26f5a63f79080bc3920d', '{"email":"ben@x.io","person":"ben"}', '{"value":5}', ''),
    ('cart__mail', 'cleo', 8235030900881332613, 'email:cleo@x.io', '186e2f33febab01a76958b15f5110c7607d6b279c85d724bc297c2798a0bd92a', '{"email":"cleo@x.io","person":"cleo"}', '{"value":3}', ''),
    ('cart__mail', 'dov', 7837548258501586173, null, 'c6c543b5ffeb5b6239d3d8c5b091a8e1bd6a38f09b2d6ecb955293253403267d', '{"person":"dov"}', '{"value":1}', 'email: not an e-mail address'),
    ('cart__mail', 'eve', 1776465759222033855, 'email:eve@x.io', 'ec1321afac51c720ef642438c48282a1698449334e956c55e6409233d744ecc7', '{"email":"eve@x.io","person":"eve"}', '{"value":4}', '');
CREATE TABLE activation.ledger_base(sync_id VARCHAR, dest_key VARCHAR, "action" VARCHAR, outcome VARCHAR, payload_hash VARCHAR, identifiers VARCHAR, epoch BIGINT, seq BIGINT, first_sent_at TIMESTAMP, "until" TIMESTAMP, recorded_at TIMESTAMP);
insert into activation.ledger_base values
    ('cart__mail', 'email:cleo@x.io', 'add', 'ok', '186e2f33febab01a76958b15f5110c7607d6b279c85d724bc297c2798a0bd92a', '{"email":"cleo@x.io","person":"cleo"}', 2, 3, '2026-10-22 06:00:00', '2026-10-22 06:18:00', '2026-10-22 06:00:00'),
    ('cart__mail', 'email:ben@x.io', 'update', 'ok', '366d5d27b858e4c93e1b1cc7037cf9ef4fce579e6b6d26f5a63f79080bc3920d', '{"email":"ben@x.io","person":"ben"}', 2, 2, '2026-10-22 06:00:00', '2026-10-22 06:18:00', '2026-10-22 06:00:00'),
    ('cart__mail', 'email:eve@x.io', 'add', 'rejected', 'ec1321afac51c720ef642438c48282a1698449334e956c55e6409233d744ecc7', '{"email":"eve@x.io","person":"eve"}', 3, 1, '2026-10-23 06:00:00', '2026-10-23 06:18:00', '2026-10-23 06:00:00');
CREATE TABLE activation.membership(audience VARCHAR, person_key VARCHAR, standing VARCHAR, entry_id BIGINT, valid_from BIGINT, valid_to BIGINT);
insert into activation.membership values
    ('cart', 'ada', 'sent', 1, 1, 2),
    ('cart', 'ben', 'sent', 1, 1, null),
    ('cart', 'ada', 'suppressed', 1, 2, null),
    ('cart', 'cleo', 'sent', 2, 2, null),
    ('cart', 'dov', 'sent', 2, 2, null),
    ('cart', 'eve', 'sent', 3, 3, null);
CREATE TABLE activation.op(sync_id VARCHAR, epoch BIGINT, seq BIGINT, op_id VARCHAR, "action" VARCHAR, dest_key VARCHAR, person_key VARCHAR, payload_hash VARCHAR, identifiers VARCHAR, attributes VARCHAR, silent BOOLEAN, snapshot_id BIGINT, occurred_at TIMESTAMP, journal_id VARCHAR, planned_at TIMESTAMP);
insert into activation.op values
    ('cart__mail', 1, 1, '81b803762034a6f99b053c0fdea87b90', 'add', 'email:ada@x.io', 'ada', 'f11df77e2ff26afd65d75da0fc23103eae1ac982a138a8e72b8dbc13c02bdc39', '{"email":"ada@x.io","person":"ada"}', '{"value":1}', false, 1, null, 'ca88437928a44004b98a393696dd04de', '2026-10-21 06:00:00'),
    ('cart__mail', 1, 2, '10ea3f43dde8fd87699fc2d0ced66bd7', 'add', 'email:ben@x.io', 'ben', 'bb7d8661510288d2b3e86657695246f4d105994cfa26776814ce7d3bc0b145c3', '{"email":"ben@x.io","person":"ben"}', '{"value":2}', false, 1, null, 'ca88437928a44004b98a393696dd04de', '2026-10-21 06:00:00'),
    ('cart__mail', 2, 1, '3c1ddbf0772dce8f22f815c81daaf254', 'remove', 'email:ada@x.io', 'ada', '-', '{"email":"ada@x.io","person":"ada"}', '{}', false, 2, null, 'ca88437928a44004b98a393696dd04de', '2026-10-22 06:00:00'),
    ('cart__mail', 2, 2, '2c44bac3670ac136bce0a4de8f69ced8', 'update', 'email:ben@x.io', 'ben', '366d5d27b858e4c93e1b1cc7037cf9ef4fce579e6b6d26f5a63f79080bc3920d', '{"email":"ben@x.io","person":"ben"}', '{"value":5}', false, 2, null, 'ca88437928a44004b98a393696dd04de', '2026-10-22 06:00:00'),
    ('cart__mail', 2, 3, '12718a712016816509441e1752d409e4', 'add', 'email:cleo@x.io', 'cleo', '186e2f33febab01a76958b15f5110c7607d6b279c85d724bc297c2798a0bd92a', '{"email":"cleo@x.io","person":"cleo"}', '{"value":3}', false, 2, null, 'ca88437928a44004b98a393696dd04de', '2026-10-22 06:00:00'),
    ('cart__mail', 2, 4, 'f9f9062d3fec255a0b2e1f99cd034d0e', 'event', 'email:cleo@x.io', 'cleo', '', '{"email":"cleo@x.io","person":"cleo"}', '{"value":3}', false, 2, '2026-10-22 06:00:00', 'ca88437928a44004b98a393696dd04de', '2026-10-22 06:00:00'),
    ('cart__mail', 3, 1, '5b968a78f2ced1f044928e8d6aa23ed8', 'add', 'email:eve@x.io', 'eve', 'ec1321afac51c720ef642438c48282a1698449334e956c55e6409233d744ecc7', '{"email":"eve@x.io","person":"eve"}', '{"value":4}', false, 3, null, 'ca88437928a44004b98a393696dd04de', '2026-10-23 06:00:00'),
    ('cart__mail', 3, 2, 'a1ac2b53ae87bc25b783bf11d918d550', 'event', 'email:eve@x.io', 'eve', '', '{"email":"eve@x.io","person":"eve"}', '{"value":4}', false, 3, '2026-10-23 06:00:00', 'ca88437928a44004b98a393696dd04de', '2026-10-23 06:00:00');
CREATE TABLE activation.receipt(sync_id VARCHAR, epoch BIGINT, op_id VARCHAR, attempt BIGINT, seq BIGINT, outcome VARCHAR, http_status BIGINT, reason VARCHAR, remote_id VARCHAR, job_id VARCHAR, first_sent_at TIMESTAMP, recorded_at TIMESTAMP);
insert into activation.receipt values
    ('cart__mail', 1, '81b803762034a6f99b053c0fdea87b90', 1, 1, 'ok', null, '', null, null, '2026-10-21 06:00:00', '2026-10-21 06:00:00'),
    ('cart__mail', 1, '10ea3f43dde8fd87699fc2d0ced66bd7', 1, 2, 'ok', null, '', null, null, '2026-10-21 06:00:00', '2026-10-21 06:00:00'),
    ('cart__mail', 2, '3c1ddbf0772dce8f22f815c81daaf254', 1, 1, 'ok', null, '', null, null, '2026-10-22 06:00:00', '2026-10-22 06:00:00'),
    ('cart__mail', 2, '2c44bac3670ac136bce0a4de8f69ced8', 1, 2, 'ok', null, '', null, null, '2026-10-22 06:00:00', '2026-10-22 06:00:00'),
    ('cart__mail', 2, '12718a712016816509441e1752d409e4', 1, 3, 'ok', null, '', null, null, '2026-10-22 06:00:00', '2026-10-22 06:00:00'),
    ('cart__mail', 2, 'f9f9062d3fec255a0b2e1f99cd034d0e', 1, 4, 'ok', null, '', null, null, '2026-10-22 06:00:00', '2026-10-22 06:00:00'),
    ('cart__mail', 3, 'a1ac2b53ae87bc25b783bf11d918d550', 1, 2, 'rejected', null, 'refused', null, null, '2026-10-23 06:00:00', '2026-10-23 06:00:00'),
    ('cart__mail', 3, '5b968a78f2ced1f044928e8d6aa23ed8', 1, 1, 'rejected', null, 'refused', null, null, '2026-10-23 06:00:00', '2026-10-23 06:00:00');
CREATE TABLE activation.remote_id("connection" VARCHAR, dest_key VARCHAR, remote_id VARCHAR, PRIMARY KEY("connection", dest_key));
CREATE TABLE activation.run_log(sync_id VARCHAR, epoch BIGINT, run_id VARCHAR, started TIMESTAMP, ended TIMESTAMP, status VARCHAR, counts VARCHAR, reason VARCHAR);
insert into activation.run_log values
    ('cart__mail', 1, 'run', '2026-10-21 06:00:00', '2026-10-21 06:00:00', 'ok', '{"ok": 2}', ''),
    ('cart__mail', 2, 'run', '2026-10-22 06:00:00', '2026-10-22 06:00:00', 'ok', '{"ok": 4}', ''),
    ('cart__mail', 3, 'run', '2026-10-23 06:00:00', '2026-10-23 06:00:00', 'ok', '{"rejected": 2}', '');
CREATE TABLE activation."snapshot"(audience VARCHAR, snapshot_id BIGINT, taken_at TIMESTAMP, status VARCHAR, reason VARCHAR, segment BIGINT, suppressed BIGINT, held_out BIGINT, entered BIGINT, "left" BIGINT, null_keys BIGINT, duplicates BIGINT, PRIMARY KEY(audience, snapshot_id));
insert into activation.snapshot values
    ('cart', 1, '2026-10-21 06:00:00', 'accepted', '', 2, 0, 0, 2, 0, 0, 0),
    ('cart', 2, '2026-10-22 06:00:00', 'accepted', '', 4, 1, 0, 2, 0, 0, 0),
    ('cart', 3, '2026-10-23 06:00:00', 'accepted', '', 5, 1, 0, 1, 0, 0, 0);
CREATE TABLE activation.sync_control(sync_id VARCHAR PRIMARY KEY, audience VARCHAR, "connection" VARCHAR, epoch BIGINT, "owner" VARCHAR, "target" VARCHAR, trigger_since BIGINT, folded_epoch BIGINT);
insert into activation.sync_control values
    ('cart__mail', 'cart', 'mail', 3, 'run', null, 1, 3);
create table cart(person_id VARCHAR, email VARCHAR, "value" INTEGER);
insert into cart values
    ('ada', 'ada@x.io', 1),
    ('ben', 'ben@x.io', 5),
    ('cleo', 'cleo@x.io', 3),
    ('dov', 'not an address', 1),
    ('eve', 'eve@x.io', 4);
create table spared(person_id VARCHAR);
insert into spared values
    ('ada');
CREATE VIEW activation.delivered AS SELECT sync_id, dest_key, payload_hash, identifiers, first_sent_at AS asserted_at FROM activation.ledger_base WHERE ((outcome = 'ok') AND ("action" != 'remove'));
CREATE VIEW activation.undelivered AS WITH latest AS (SELECT o.sync_id, o.op_id, o."action", o.person_key, r.outcome, r.reason, r.recorded_at, row_number() OVER (PARTITION BY o.sync_id, COALESCE("nullif"(o.dest_key, ''), o.op_id), (o."action" = 'event') ORDER BY o.epoch DESC, o.seq DESC, r.attempt DESC) AS newest FROM (activation.op AS o INNER JOIN activation.receipt AS r ON (((o.sync_id = r.sync_id) AND (o.epoch = r.epoch) AND (o.op_id = r.op_id))))) (SELECT sync_id, op_id, "action", person_key, outcome, reason, recorded_at FROM latest WHERE ((newest = 1) AND (NOT (outcome IN ('ok', 'void'))))) UNION ALL (SELECT sync_id, NULL, 'add', person_key, 'unusable', reason, NULL FROM activation.desired WHERE (dest_key IS NULL));
