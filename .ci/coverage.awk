# Reads a Go cover profile, prints each package's statement coverage and fails
# when one is below its floor. What judges identities, or stands where net/http
# stood, has the higher one.
BEGIN {
	floor = 85
	high["matterpass/internal/assertion"] = high["matterpass/internal/cookie"] = high["matterpass/internal/limit"] = 95
	high["matterpass/internal/http1"] = 95
	high["matterpass/internal/login"] = high["matterpass/internal/mint"] = high["matterpass/internal/ticket"] = 95
}
FNR > 1 {
	split($1, place, ":")
	package = place[1]
	sub(/\/[^\/]*$/, "", package)
	if (package ~ /\/internal\/[a-z]+test$/ && package !~ /archtest/) next # part of the tests
	total[package] += $2
	if ($3 > 0) covered[package] += $2
}
END {
	for (package in total) {
		least = package in high ? high[package] : floor
		percent = 100 * covered[package] / total[package]
		low = percent < least
		failed += low
		printf "%5.1f %%  (at least %d)  %s%s\n", percent, least, package, low ? "  TOO LOW" : "" | "sort -k5"
	}
	close("sort -k5")
	if (failed) { print failed " packages below their floor"; exit 1 }
}
