package httpapi

// Codes lists every code of the error table.
func Codes() []string {
	codes := []string{kindInvalid.code, kindLimited.code, kindThrottled.code, kindBusy.code, kindConfirm.code, kindInternal.code}
	for _, row := range problems() {
		codes = append(codes, row.kind.code)
	}
	return codes
}
