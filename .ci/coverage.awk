# Reads a Go cover profile, prints each package's statement coverage and fails
# when one is below its floor. Code that judges identities has the higher one.
BEGIN {
	floor = 85
	high["matterpass/internal/cookie"] = high["matterpass/internal/limit"] = high["matterpass/internal/login"] = 95
}
FNR > 1 {
	split($1, place, ":")
	package = place[1]
	sub(/\/[^\/]*$/, "", package)
	if (package ~ /^matterpass\/internal\/(browser|oidc)test$/) next # part of the tests
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
