CREATE SOURCE person (
    id bigint, name varchar, email_address varchar, credit_card varchar, city varchar, state varchar,
    date_time timestamp, extra varchar,
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND
) WITH (connector = 'nexmark', nexmark.table.type = 'Person', ${GENERATOR});
