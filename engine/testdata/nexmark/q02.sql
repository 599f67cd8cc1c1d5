select auction, price from bid where auction in (1007, 1020, 1001, 1019, 1087) or auction % 123 = 0
