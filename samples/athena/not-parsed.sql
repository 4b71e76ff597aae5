-- Lines of S3's log that the table could not take apart. Each is a broken line:
-- cut short, or two spliced into one.
SELECT "$path" AS object, count(*) AS lines, min(unparsed) AS one_of_them
FROM why403.s3_access
WHERE unparsed IS NOT NULL AND unparsed <> ''
GROUP BY 1
ORDER BY lines DESC
LIMIT 100;
