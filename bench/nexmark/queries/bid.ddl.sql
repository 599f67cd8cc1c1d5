CREATE SOURCE bid (
    auction bigint, bidder bigint, price bigint, channel varchar, url varchar,
    date_time timestamp, extra varchar,
    p_time timestamptz AS proctime(),
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND
) WITH (connector = 'nexmark', nexmark.table.type = 'Bid', ${GENERATOR});
