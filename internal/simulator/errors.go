package simulator

import (
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"
)

// refusal is one of Mattermost's errors: the id that clients match on, the English text, the status.
type refusal struct {
	id      string
	message string
	status  int
}

func (f refusal) err() *model.AppError {
	return &model.AppError{Id: f.id, Message: f.message, StatusCode: f.status}
}

// Error lets a handler return a refusal as its error.
func (f refusal) Error() string { return f.id }

var (
	refuseExpired = refusal{"api.context.session_expired.app_error",
		"Invalid or expired session, please login again.", http.StatusUnauthorized}
	refuseQueryToken = refusal{"api.context.token_provided.app_error",
		"Session is not OAuth but token was provided in the query string.", http.StatusUnauthorized}
	refusePermission = refusal{"api.context.permissions.app_error",
		"You do not have the appropriate permissions.", http.StatusForbidden}
	refuseDatabase = refusal{"app.user_terms_of_service.get_by_user.app_error",
		"Unable to fetch terms of service.", http.StatusInternalServerError}

	refuseBlankPassword = refusal{"api.user.login.blank_pwd.app_error",
		"Password field must not be blank", http.StatusBadRequest}
	refuseInactive = refusal{"api.user.login.inactive.app_error",
		"Login failed because your account has been deactivated.  Please contact an administrator.", http.StatusUnauthorized}
	refuseBot = refusal{"api.user.login.bot_login_forbidden.app_error",
		"Bot login is forbidden.", http.StatusUnauthorized}
	refuseLocked = refusal{"api.user.check_user_login_attempts.too_many.app_error",
		"Your account is locked because of too many failed password attempts. Please reset your password.", http.StatusUnauthorized}
	refuseUnverified = refusal{"api.user.login.not_verified.app_error",
		"Login failed because email address has not been verified.", http.StatusUnauthorized}
	refuseMFARequired = refusal{"mfa.validate_token.authenticate.app_error",
		"Invalid MFA token.", http.StatusUnauthorized}
	refuseMFACode = refusal{"api.user.check_user_mfa.bad_code.app_error",
		"Invalid MFA token.", http.StatusUnauthorized}
	refuseMFAActivation = refusal{"mfa.activate.bad_token.app_error",
		"Invalid MFA token.", http.StatusUnauthorized}

	refuseUserMissing = refusal{"app.user.missing_account.const",
		"Unable to find the user.", http.StatusNotFound}
	refuseUsernameMissing = refusal{"app.user.get_by_username.app_error",
		"Unable to find an existing account matching your username for this team. This team may require an invite from the team owner to join.", http.StatusNotFound}
	refuseEmailTaken = refusal{"app.user.save.email_exists.app_error",
		"An account with that email already exists.", http.StatusBadRequest}
	refuseUsernameTaken = refusal{"app.user.save.username_exists.app_error",
		"An account with that username already exists.", http.StatusBadRequest}
	refuseEmail = refusal{"model.user.is_valid.email.app_error",
		"Invalid email.", http.StatusBadRequest}
	refuseUsername = refusal{"model.user.is_valid.username.app_error",
		`Username must begin with a letter, and contain between 3 to 22 lowercase characters made up of numbers, letters, and the symbols ".", "-", and "_".`, http.StatusBadRequest}
	refuseShortPassword = refusal{"model.user.is_valid.pwd_min_length.app_error",
		"Your password must contain at least 8 characters.", http.StatusBadRequest}
	refuseLongPassword = refusal{"model.user.is_valid.pwd_max_length.app_error",
		"Your password must contain no more than 72 characters.", http.StatusBadRequest}
	refuseSeats = refusal{"api.user.create_user.user_limits.exceeded",
		"Can't create user. Server exceeds safe user limit. Contact your administrator with: ERROR_SAFETY_LIMITS_EXCEEDED.", http.StatusBadRequest}
	refuseActivation = refusal{"app.user.update_active.user_limit.exceeded",
		"Can't activate user. Server exceeds safe user limit. ERROR_SAFETY_LIMITS_EXCEEDED.", http.StatusBadRequest}
	refuseDelete = refusal{"api.user.delete_user.not_enabled.for_admin.app_error",
		"Permanent user deletion feature is not enabled. ServiceSettings.EnableAPIUserDeletion must be set to true to use this command. See https://mattermost.com/pl/environment-configuration-settings for more information.", http.StatusUnauthorized}
	refusePasswordChange = refusal{"api.user.update_password.context.app_error",
		"Update password failed because context user_id did not match props user_id.", http.StatusForbidden}
	refuseOldPassword = refusal{"api.user.update_password.incorrect.app_error",
		`The "Current Password" you entered is incorrect. Please check that Caps Lock is off and try again.`, http.StatusBadRequest}
	refuseReset = refusal{"api.user.reset_password_failed_attempts.permissions.app_error",
		"You do not have permission to update this resource.", http.StatusForbidden}
	refuseAuthMethod = refusal{"api.user.update_user_auth.invalid_request",
		"Request is missing either AuthData or AuthService parameter.", http.StatusBadRequest}

	refuseSession = refusal{"app.session.get.app_error",
		"We encountered an error finding the session.", http.StatusBadRequest}
	refuseTokensOff = refusal{"app.user_access_token.disabled",
		"Personal access tokens are disabled on this server. Please contact your system administrator for details.", http.StatusNotImplemented}

	refuseTeamMissing = refusal{"app.team.get_by_name.missing.app_error",
		"Unable to find the existing team.", http.StatusNotFound}
	refuseTeam = refusal{"app.team.get.find.app_error",
		"Unable to find the existing team.", http.StatusNotFound}
	refuseTeamName = refusal{"app.team.save.existing.app_error",
		"A team with that name already exists.", http.StatusBadRequest}
	refuseTeamFull = refusal{"app.team.join_user_to_team.save_member.max_accounts.app_error",
		"Unable to create the new team membership because the team has reached the limit of members", http.StatusBadRequest}
	refuseNotInTeam = refusal{"app.team.get_member.missing.app_error",
		"No team member found for that user ID and team ID.", http.StatusNotFound}
	refuseChannelMissing = refusal{"app.channel.get_by_name.missing.app_error",
		"Channel does not exist.", http.StatusNotFound}
	refuseChannel = refusal{"app.channel.get.existing.app_error",
		"Unable to find the existing channel.", http.StatusNotFound}
	refuseChannelName = refusal{"store.sql_channel.save_channel.exists.app_error",
		"A channel with that name already exists on the same team.", http.StatusBadRequest}
	refuseFile = refusal{"app.file_info.get.app_error",
		"Unable to get the file info.", http.StatusNotFound}
	refuseFileSize = refusal{"api.file.upload_file.too_large_detailed.app_error",
		"Unable to upload file. File is too large.", http.StatusRequestEntityTooLarge}
	refuseForm = refusal{"api.file.upload_file.read_request.app_error",
		"Unable to upload file(s). Error reading or parsing request data.", http.StatusBadRequest}
	refusePost = refusal{"app.post.get.app_error",
		"Unable to get the post.", http.StatusNotFound}
)

func refuseBody(parameter string) refusal {
	return refusal{"api.context.invalid_body_param.app_error",
		"Invalid or missing " + parameter + " in request body.", http.StatusBadRequest}
}

func refuseURL(parameter string) refusal {
	return refusal{"api.context.invalid_url_param.app_error",
		"Invalid or missing " + parameter + " parameter in request URL.", http.StatusBadRequest}
}

// refuseUnknownPath is the answer to a path or method that the API does not have; nothing there is ever 405 (E6).
func refuseUnknownPath(path string) *model.AppError {
	e := refusal{"api.context.404.app_error", "Sorry, we could not find the page.", http.StatusNotFound}.err()
	e.DetailedError = "There doesn't appear to be an api call for the url='" + path +
		"'.  Typo? are you missing a team_id or user_id as part of the url?"
	return e
}

// refuseCredentials hides what was wrong; its id tells by what names the server lets people sign in (A3).
func (s *Server) refuseCredentials() refusal {
	email := s.settings.EmailSettings.EnableSignInWithEmail
	username := s.settings.EmailSettings.EnableSignInWithUsername
	const id = "api.user.login.invalid_credentials"
	switch {
	case username && !email:
		return refusal{id + "_username", "Enter a valid username and/or password.", http.StatusUnauthorized}
	case email && !username:
		return refusal{id + "_email", "Enter a valid email and/or password", http.StatusUnauthorized}
	case s.settings.GitLabSettings.Enable:
		return refusal{id + "_sso", "Enter a valid email or username and/or password, or sign in using another method.", http.StatusUnauthorized}
	}
	return refusal{id + "_email_username", "Enter a valid email or username and/or password.", http.StatusUnauthorized}
}
